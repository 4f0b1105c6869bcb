package shimlink

import "time"

const (
	// wordWait bounds a start. A shim says its word within some milliseconds; a
	// machine that swaps may take seconds.
	wordWait = 10 * time.Second
	// wordMax bounds a shim's first word, which is one fault.
	wordMax = 64 << 10
	// endWait is how long a process that does not answer is looked at for its end,
	// and endEvery how often: between closing its files and being gone it syncs.
	endWait  = 500 * time.Millisecond
	endEvery = 5 * time.Millisecond
	// dialWait is when a socket is given up that nobody serves.
	dialWait = time.Second
	// holdingWait bounds a shim's first answer. It answers from memory; a machine
	// that swaps may take seconds.
	holdingWait = 5 * time.Second
	// writeWait bounds the writing of a request, which the shim never keeps waiting.
	writeWait = 5 * time.Second
	// doneWait bounds the answer to a request when the caller does not.
	doneWait = 10 * time.Second
	// inputWait bounds the typing of one piece when the caller does not: a program
	// that has not read for so long is not about to.
	inputWait = 30 * time.Second
	// heardMax is how much of what a shim says waits to be heard; then it waits
	// too, and says less.
	heardMax = 256
	// pendingMax is how many requests to one shim wait for their answers.
	pendingMax = 256
	// recordMax bounds what is read of launch.json, whose one long field is a path.
	recordMax = 8 << 10
	// statMax bounds a line of /proc/PID/stat: some fifty numbers and a name.
	statMax = 4 << 10
	// lineMax bounds what is read of a command line: a shim's is two paths.
	lineMax = 16 << 10
	// linkHops bounds how far links of ours are followed that lead to each other:
	// a terminal within a terminal within a terminal is rare already.
	linkHops = 8
	// shortID is how many letters of an execution's id name its socket: 80 bits
	// tell executions apart, and the path stays short enough for a socket.
	shortID = 16
)
