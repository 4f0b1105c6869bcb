package object

// Bounds of what the fold tells.
const (
	// maxShownRef cuts what a person typed when a fault repeats it: an id has 52.
	maxShownRef = 64
	// maxCandidates bounds the ids that an ambiguous one lists: enough to see
	// which letter to add.
	maxCandidates = 5
)
