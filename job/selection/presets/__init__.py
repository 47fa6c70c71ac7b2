"""The training sets of both courses, decided bit for bit as the notebooks of the courses do it."""
