"""What becomes of a row: an item, or a drop reason. Pure: no Ray, no clock, no files but the vocabulary's."""
