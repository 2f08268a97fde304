"""The parts of `benches/versus/run`. Python's standard library only."""
