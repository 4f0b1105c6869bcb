package main

import "time"

const (
	// callWait bounds one call of the core that answers at once: a disk that
	// syncs in ten seconds is given several tries.
	callWait = time.Minute
	// soonWait bounds a call of the commands that tell what is wrong with a core.
	soonWait = 10 * time.Second
	// reachTries is how often a core that ends in the middle of the first call is
	// given up for another: one that was killed accepts for a moment longer.
	reachTries = 5
	// stopWait bounds the orderly end of a core: it seals and syncs its log.
	stopWait = 20 * time.Second
	// auditWait is how long an audit waits for a core that starts or ends beside it,
	// and auditEvery how often it looks.
	auditWait  = stopWait
	auditEvery = 100 * time.Millisecond
	// pollEvery is how often a condition outside this process is looked at.
	pollEvery = 20 * time.Millisecond
	// completeWait bounds completion: a person waits at the TAB key.
	completeWait = time.Second
	// startTries is how many cores are asked to start one program: a second one
	// that goes away at once is not an accident.
	startTries = 3
	// serveLeast is how long a core has to have listened for another to take its
	// place: one that dies at once is not helped by one more.
	serveLeast = time.Second
	// settleWait bounds how long a command waits for the end of a program to be
	// on disk after it saw it itself, so that the next command sees it too.
	settleWait = 2 * time.Second

	// dialWait is when a terminal's socket is given up as dead.
	dialWait = time.Second
	// reconnectFor is how long a broken connection to a terminal is tried again
	// before the core is asked what became of it.
	reconnectFor = 5 * time.Second
	// reconnectEvery is the pause between those tries.
	reconnectEvery = 50 * time.Millisecond

	// replayMax is how much recorded output attach shows again: some hundred
	// screens, which the slowest terminal draws in a tenth of a second.
	replayMax = 1 << 20
	// readBuffer holds four of the longest frames, so that few reads and writes
	// move much.
	readBuffer = 1 << 20
	// stdinPiece is read from the keyboard or a pipe at a time.
	stdinPiece = 16 << 10
	// alertFor is how long after a key its echo and the next one are waited for
	// alert, and alertMost how long one such wait keeps a thread from the runtime.
	alertFor  = time.Second
	alertMost = 8 * time.Millisecond
	// flightMax is the input that may wait for its acknowledgement. It is less
	// than the buffer of a unix socket (208 KiB), so a write never blocks.
	flightMax = 64 << 10
	// queueMax is the input that may wait for its turn: a pasted file.
	queueMax = 8 << 20

	// sequenceMax is the longest escape sequence kept while old output is shown
	// again: titles and links fit, pictures do not.
	sequenceMax = 4 << 10
	// lineMax is the longest line that transcript --text edits before it lets go.
	lineMax = 64 << 10
	// marksMax is how many bytes of marks one character may carry there; the
	// longest emoji of several parts has half of that.
	marksMax = 64
	// settingsMax bounds settings.toml, a file that a person writes.
	settingsMax = 1 << 20
	// logPiece is read of core.log at a time.
	logPiece = 64 << 10
	// usualCols and usualRows are the size of a terminal when ours has none.
	usualCols, usualRows = 80, 24
	// sizeMax is the most columns or rows of a terminal: 16 bits in the kernel.
	sizeMax = 1<<16 - 1
)
