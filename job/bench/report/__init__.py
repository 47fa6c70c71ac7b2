"""Turns measurements into what people read: a table, a picture, and the section of this room's README."""
