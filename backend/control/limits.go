package control

import "atelier.dev/atelier/backend/event"

// The bounds of an entry and of a snapshot. A reader refuses what lies above.
const (
	// MaxEntry bounds an entry: a whole request, a full cut of 110 bytes a chain,
	// and 256 KiB for what it is judged by.
	MaxEntry = event.MaxHeader + event.MaxBody + 64<<10 + 256<<10
	// MaxStates bounds the states of one object that stand at once: as many as
	// writers may be named by what follows them all.
	MaxStates = event.MaxParents
	// MaxOpen bounds what is named as open in a checkpoint: one is enough to refuse
	// a quiescent one, and a thousand are more than anybody reads.
	MaxOpen = 1024
	// maxKept bounds each list of a snapshot. Answers are kept for ever: this is one
	// a second for half a year, in about 1.2 GiB.
	maxKept = 1 << 24
)
