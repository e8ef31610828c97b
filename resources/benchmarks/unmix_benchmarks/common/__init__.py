"""What the benchmarks share: scenes with references, scoring, strokes of a painter, tables."""
