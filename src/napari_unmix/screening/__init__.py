"""What a cube's numbers say before anything is fitted: no data, broken bands and lines, spikes, saturation, the order of the axes."""
