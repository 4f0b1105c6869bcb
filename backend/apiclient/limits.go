package apiclient

import "time"

const (
	// dialWait is when a socket that does not answer is given up as dead.
	dialWait = time.Second
	// firstWait is when a core that takes a connection and says nothing is told to
	// be silent: one that works answers in milliseconds, on a busy machine too.
	firstWait = 5 * time.Second
	// startWait bounds how long a starting core may recover its log: a million
	// events open in under two seconds, a slow disk is given ten times that.
	startWait = 20 * time.Second
	// winnerWait is how long the loser of a race looks for the winner's socket
	// before it tries to start a core itself: the winner may have been killed.
	winnerWait = time.Second
	// pollEvery is how often a starter that lost the race looks for the socket.
	pollEvery = 10 * time.Millisecond
	// wordMax bounds the first word of a starting core: one fault.
	wordMax = 64 << 10
	// answerMax is the longest answer: a list of a hundred thousand terminals. What
	// is asked is bounded by the core, to 4 MiB.
	answerMax = 64 << 20
)
