package main

import "time"

const (
	// maxLaunch bounds the launch document: arguments and environment of a
	// program may have a few MiB on Linux, and JSON writes some of it longer.
	maxLaunch = 16 << 20
	// maxSocketPath is what fits into sun_path with its closing zero.
	maxSocketPath = 107
	// wordFD is where the core waits for the word that the program runs.
	wordFD = 3
	// claimFD is where the core leaves the claim on the folder.
	claimFD = 4

	// batch is how much output is taken, written and sent in one go: a reader
	// of a flood saves calls, and a keystroke waits behind little.
	batch = 64 << 10
	// flood is how much must have come at once for more to be worth waiting for.
	flood = 2 << 10
	// moment is how long a flood is waited for before its bytes go on: the kernel
	// hands over 4 KiB at a time, and fetches the next while we would write.
	moment = 100 * time.Microsecond
	// moments bounds the waiting for one batch, in moments.
	moments = 8

	// pumpMost is how much one client is given before others have their turn.
	pumpMost = 1 << 20
	// readMost is how much is read of one client before others have their turn.
	readMost = 256 << 10
	// acceptMost is how many connections are taken before others have their turn.
	acceptMost = 64
	// maxQueued bounds the frames, besides output, that wait for one client:
	// thousands of them, so only one that has stopped reading is cut.
	maxQueued = 256 << 10
	// keptQueue is how much room an empty queue keeps.
	keptQueue = 4 << 10
	// sendBuffer is what the kernel may hold for one client: some batches, so
	// that client and shim need not take turns.
	sendBuffer = 512 << 10
	// maxUnnoted bounds the notes that wait for a full disk. Above it the
	// clients, who cause most of them, are sent away.
	maxUnnoted = 4096
	// socketEvery is how often the socket's file is looked for: as good as nothing
	// for an idle shim, and soon enough for whoever logs in again.
	socketEvery = 3 * time.Second
	// runtimeDepth is how many folders the core makes for its sockets.
	runtimeDepth = 3
	// backlog is how many clients may wait to be accepted.
	backlog = 128

	// ackWait is how long an ACK waits for output to go with: the echo of a key
	// comes far sooner, and nobody sees the difference in what has none.
	ackWait = 2 * time.Millisecond

	// echoAwake is how long the echo of a key is looked for without sleeping:
	// twice what a program takes that has it ready.
	echoAwake = 80 * time.Microsecond
	// alertFor is how long after a key the next one is waited for alert, and
	// alertMost how long one such wait keeps this thread from the runtime.
	alertFor  = time.Second
	alertMost = 8 * time.Millisecond

	// tellEvery is how often the core hears that output grows, while it does.
	tellEvery = 20 * time.Millisecond
	// lookEvery and lookAfter say when the free space of the disk is asked for
	// again: after some time or some bytes, whichever comes first.
	lookEvery = time.Second
	lookAfter = 8 << 20
	// retryEvery is how often a full disk, a reached limit or a terminal that
	// nobody holds is tried again.
	retryEvery = 100 * time.Millisecond

	// drainMost is more than the kernel holds of what a program wrote before its
	// end (640 KiB and a line); what comes after that is of others.
	drainMost = 1 << 20
	// drainQuiet ends the wait for output of an ended program whose terminal a
	// child still holds: the kernel hands over what it has in far less.
	drainQuiet = 500 * time.Millisecond
	// drainLongest ends it even if the child goes on writing.
	drainLongest = time.Second
	// partStill is how long a connection that is to end may take no bytes.
	partStill = 5 * time.Second
	// partLongest bounds the wait for clients that read, but slowly. They find
	// the rest in the transcript.
	partLongest = time.Minute
)
