"""The forms in which trainers and the courses read a training set."""
