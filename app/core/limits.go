package main

import "time"

const (
	// endWithin bounds the orderly end: `atelier core stop` waits 20 s for it.
	// After that the kernel takes back what is left; nothing acknowledged is lost.
	endWithin = 15 * time.Second
	// lockWait is how long a starting core waits for one that is ending in order,
	// or that was killed and is not gone yet. lockEvery is how often it looks.
	lockWait  = endWithin + time.Second
	lockEvery = 10 * time.Millisecond
	// answerWait is when a socket that does not answer is given up as dead.
	answerWait = time.Second
	// callsWithin is how much of it calls that are under way may take.
	callsWithin = 5 * time.Second
	// logMax is the size at which a starting core puts its log aside: a year of
	// quiet days, and a search through it takes no time.
	logMax = 8 << 20
	// quotaMost is the most bytes that one terminal may record, and quotaShare
	// the part of its disk that they may be.
	quotaMost  = 10 << 30
	quotaShare = 10
	// spoolReserve is the free space that recording leaves: four times what the
	// log needs to go on, so that programs wait before the log stops.
	spoolReserve = 256 << 20
	// logReserve is the free space that the log is opened with. It writes through
	// mapped files, and a disk that fills below them would kill the process; with
	// less than this it takes no writes either.
	logReserve = 64 << 20
	// admitAtOnce is how many events of a bundle are taken in by one call.
	admitAtOnce = 4096
	// gcPercent keeps less than half of the usual garbage: a core works little.
	gcPercent = 40
	// bootMax bounds the name of the machine's present start, a UUID.
	bootMax = 64
)
