"""What a journey is written in: pure rules without database, network or clock."""
