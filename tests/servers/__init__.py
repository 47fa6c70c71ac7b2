"""A Hugging Face Hub on loopback, and the proof that the real client takes it for one."""
