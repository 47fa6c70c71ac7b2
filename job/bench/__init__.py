"""How fast is it, and how fast would it be otherwise? Each run in a fresh process, outputs compared before times."""
