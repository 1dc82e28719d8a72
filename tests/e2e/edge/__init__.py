"""Stand-ins for what cannot be had in a bed: the tunnel's program, and Cloudflare's side of a tunnel."""
