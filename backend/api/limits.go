package api

import (
	"time"

	"atelier.dev/atelier/backend/attach"
)

const (
	// messageMax is the most bytes that are asked in one message. What a
	// program is started with has to fit an event's body of 512 KiB.
	messageMax = 4 << 20
	// drainMax is how much of a request that is too large is read and dropped,
	// so that its sender hears the answer instead of a broken connection.
	drainMax = 64 << 20
	// pageBytes is about where a list of events or ranges is cut into messages:
	// far below messageMax with the largest event on top.
	pageBytes = 1 << 20
	// pieceBytes is the most of a transcript in one message.
	pieceBytes = 1 << 20
	// rangesMax is the most ranges of a transcript in one message: each has some
	// 90 bytes.
	rangesMax = 8192
	// listedBytes is how much of a program's arguments and variable names a list
	// shows: thousands of terminals must fit one message. Show has them whole.
	listedBytes = 512
	// depthMax bounds the nesting of a document: what is shown is flat.
	depthMax = 16

	// helloBytes is what HELLO has on the wire.
	helloBytes = 4 + 1 + 2 + 1 + 16 + 8 + 8
	// frameBytes is the longest frame with its length word.
	frameBytes = 4 + attach.MaxFrame
	// relayBytes holds four of the longest frames: few reads move much, and a
	// carrier that nobody reads costs no more than this.
	relayBytes = 4 * frameBytes
	// postedMax is the most that one post of input carries: the page sends at
	// most 32 frames of 32 KiB.
	postedMax = 2 << 20
	// dialWait is when a shim's socket is given up as dead.
	dialWait = time.Second
	// settleWait bounds how long a post waits for the shim to have read frames
	// that have no answer.
	settleWait = time.Second

	// headerWait is how long a client may take for a request's header, and who is
	// not let in for its body: one that dawdles holds one of the connections below.
	headerWait = 5 * time.Second
	// pageWait is how long a browser may take for a file of the page: 2 MB over
	// the slowest of lines.
	pageWait = time.Minute
	// idleWait is when a connection without a request is closed.
	idleWait = 2 * time.Minute
	// headerBytes bounds a request's header: a browser's are below 4 KiB.
	headerBytes = 32 << 10
	// socketEvery is how often a core looks whether its socket is there. Each look
	// wakes an idle core, and a command that finds none waits for a rare accident.
	socketEvery = 2 * time.Second
	// localConns bounds the connections over the unix socket: a stream and a few
	// calls for each window and command at work.
	localConns = 2048
	// webConns bounds those of one listener: a page has six and one a pane.
	webConns = 256
	// listenersMax bounds the listeners that are open at once: one that is left
	// open by mistake each day of a fortnight.
	listenersMax = 16
	// goneWait is how long an answer that is under way may take when a listener
	// closes.
	goneWait = 2 * time.Second

	// defaultPort is the first that is tried when none is named.
	defaultPort = 7420
	// portTries is how many ports after it are tried: more homes than one
	// machine serves.
	portTries = 64
	// secretBytes is the size of every secret: 256 bits cannot be guessed.
	secretBytes = 32
	// linkFor is how long a printed address can be opened.
	linkFor = 10 * time.Minute
	// linkTries is after how many wrong secrets a printed address is worth
	// nothing: whoever has it needs one try.
	linkTries = 10
	// keepLeast and keepMost bound the asker's own secret: 256 bits as hexadecimal
	// are 64 bytes, and what is shorter than 32 could be guessed.
	keepLeast, keepMost = 32, 128
	// tokenBytes bounds the post that exchanges a printed secret for a cookie.
	tokenBytes = 4 << 10
)
