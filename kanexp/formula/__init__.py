"""From a trained network to a formula: symbols, the networks made of them, what they are as text."""
