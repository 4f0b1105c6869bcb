package window

// idleConnections to the core are kept for the next call: a page makes about
// four calls at once when it opens.
const idleConnections = 8
