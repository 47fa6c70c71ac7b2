"""Publishing an output on the Hub, and proving that what is published, or what a folder has, is what was made."""
