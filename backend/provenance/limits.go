package provenance

// Most bounds an answer: more causes nobody reads at once, and what each one
// follows is found by comparing them with each other.
const Most = 500
