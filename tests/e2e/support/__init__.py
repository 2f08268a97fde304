"""What the end-to-end tests are made of: a server, backends, a network of their own, and ways to wait."""
