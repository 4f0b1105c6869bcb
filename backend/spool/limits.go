package spool

const (
	// launchMax bounds what is read of launch.json, whose one long field is a path.
	launchMax = 8 << 10
	// goneMax bounds what is read of gone, which is one number.
	goneMax = 64
	// statMax bounds a line of /proc/PID/stat: some fifty numbers and a name.
	statMax = 4 << 10
	// notesRoom is set aside on disk for notes, so that a program's end can
	// still be noted after its output has filled the disk.
	notesRoom = 64 << 10
	// notesAtOnce bounds the bytes of notes read in one call, and so the memory.
	notesAtOnce = 256 << 10
	// rangeAtOnce is the buffer for bytes that are only passed through: the
	// size of a leaf of the tree in which ranges are hashed.
	rangeAtOnce = 64 << 10
)
