"""What a network uses: its inputs, its nodes and its edges by importance, how inputs work together, and as a graph."""
