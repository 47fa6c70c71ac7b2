"""Where files lie: in a folder of this machine, or under an address such as `s3://bucket/folder`."""
