package git

import "time"

const (
	// textMost is how many letters of a subject or a name are kept: what git
	// itself calls too long begins at a seventh of it.
	textMost = 500
	// waitDelay is how long a git that was given up may take to end.
	waitDelay = 5 * time.Second
)
