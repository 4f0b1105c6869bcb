// Finding by name, in lists of any length: all words must occur, and what
// begins with them comes first.

/** At most `most` of the items whose text holds every word of the query, best first. */
export function find<T>(items: readonly T[], query: string, textOf: (item: T) => string, most: number): T[] {
	const words = query.toLowerCase().split(/\s+/).filter(Boolean);
	if (words.length === 0) return items.slice(0, most);
	const found: { item: T; rank: number }[] = [];
	for (const item of items) {
		const rank = rankOf(textOf(item).toLowerCase(), words);
		if (rank !== undefined) found.push({ item, rank });
	}
	// Sorting is stable: equals stay in the order in which they were given.
	return found
		.sort((a, b) => a.rank - b.rank)
		.slice(0, most)
		.map(({ item }) => item);
}

function rankOf(text: string, words: readonly string[]): number | undefined {
	let rank = 0;
	for (const word of words) {
		const at = text.indexOf(word);
		if (at < 0) return undefined;
		if (at > 0) rank += /[\s/_.-]/.test(text.charAt(at - 1)) ? 2 : 4;
		else if (text.charAt(word.length).trim() !== "") rank += 1; // only begins with it
	}
	return rank;
}
