"""Stand-ins for what lies outside, real enough to speak to over the network."""
