"""Pages that couples open from a message: forms, information, meetings, reviews."""
