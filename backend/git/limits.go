package git

import "time"

const (
	// textMost is how many letters of a subject or a name are kept: what git
	// itself calls too long begins at a seventh of it.
	textMost = 500
	// recordMost is how many bytes of a commit are held at once: room for a merge
	// of twenty thousand parents. A first paragraph may have gigabytes.
	recordMost = 1 << 20
	// waitDelay is how long a git that was given up may take to end.
	waitDelay = 5 * time.Second
)
