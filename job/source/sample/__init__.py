"""Makes a sample from a seed: a catalogue's files (`catalogue`) and rows (`listings`), and finished `items`.

Their words come from one place: `lexicon` and `phrases` have what is written down, `words` makes as many more as are
drawn, `writer` puts them into texts.
"""
