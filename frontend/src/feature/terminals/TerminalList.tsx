// The sidebar's list: every terminal of the workspace, grouped by how it stands.
// Only the rows in sight exist, so that ten thousand scroll like ten.
import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { Plus } from "lucide-react";
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef } from "react";
import type { Terminal } from "../../domain/types";
import type { Group } from "../../domain/words";
import { selectGroups, type TerminalGroup } from "../../store/selectors";
import { useDesk, useSelect } from "../../ui/desk";
import { Button, IconButton, Waiting } from "../../ui/primitives";
import { Row, RowMenu } from "./Row";
import "./terminals.css";

/** Height of a row: --row. */
const ROW = 28;
/** Height of a group's heading, with the space above it. */
const HEADING = 30;
/** Rows drawn beyond the visible ones, so that a fast scroll shows no gap. */
const OVERSCAN = 12;

type Item = { group: Group; count: number } | { terminal: Terminal };

export function TerminalList() {
	const desk = useDesk();
	const groups = useSelect(selectGroups);
	const listed = useSelect((s) => s.listed);
	return (
		<nav className="terminals" aria-label="Terminals">
			<header className="side-head">
				<h2>Terminals</h2>
				<IconButton label="New terminal" onClick={desk.newTerminal}>
					<Plus size={16} strokeWidth={1.5} />
				</IconButton>
			</header>
			{groups.length > 0 ? <Rows groups={groups} /> : null}
			<RowMenu />
			{listed ? null : <Waiting what="Waiting for the list of terminals…" />}
			{listed && groups.length === 0 ? (
				<div className="side-empty">
					<p>No terminals yet.</p>
					<Button onClick={desk.newTerminal}>New terminal</Button>
				</div>
			) : null}
		</nav>
	);
}

function Rows({ groups }: { groups: TerminalGroup[] }) {
	const scroller = useRef<HTMLDivElement>(null);
	const items = useMemo(() => flat(groups), [groups]);
	const selection = useSelect((s) => (s.selection?.kind === "terminal" ? s.selection.id : undefined));
	const selected = useMemo(
		() => items.findIndex((item) => "terminal" in item && item.terminal.id === selection),
		[items, selection],
	);
	// The selected row exists even out of sight: the focus comes back to it.
	const rangeExtractor = useCallback(
		(range: Range) => {
			const seen = defaultRangeExtractor(range);
			return selected < 0 || seen.includes(selected) ? seen : [...seen, selected].sort((a, b) => a - b);
		},
		[selected],
	);
	const rows = useVirtualizer({
		count: items.length,
		getScrollElement: () => scroller.current,
		estimateSize: (i) => (items[i] && "group" in items[i] ? HEADING : ROW),
		getItemKey: (i) => keyOf(items[i]),
		overscan: OVERSCAN,
		rangeExtractor,
	});
	// biome-ignore lint/correctness/useExhaustiveDependencies: heights follow the order of the items
	useEffect(() => rows.measure(), [items]);
	// biome-ignore lint/correctness/useExhaustiveDependencies: only a new selection moves the list
	useEffect(() => {
		if (selected >= 0) rows.scrollToIndex(selected, { align: "auto" });
	}, [selection, selected >= 0]);

	const walk = (e: KeyboardEvent<HTMLDivElement>) => {
		const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
		const at = Number(
			(e.target as Element).closest("[data-index]")?.getAttribute("data-index") ?? Number.NaN,
		);
		if (!step || Number.isNaN(at)) return;
		e.preventDefault();
		const next = nextRow(items, at, step);
		if (next === undefined) return;
		rows.scrollToIndex(next, { align: "auto" });
		requestAnimationFrame(() =>
			scroller.current?.querySelector<HTMLElement>(`[data-index="${next}"] .side-open`)?.focus(),
		);
	};

	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: arrows only move between the buttons inside
		<div className="side-scroll" ref={scroller} onKeyDown={walk}>
			<ul className="side-rows" style={{ height: rows.getTotalSize() }}>
				{rows.getVirtualItems().map(({ key, index, start }) => {
					const item = items[index];
					if (!item) return null;
					if ("terminal" in item) return <Row key={key} terminal={item.terminal} index={index} top={start} />;
					return (
						<li className="side-group" key={key} style={{ transform: `translateY(${start}px)` }}>
							<h3>
								{item.group} <span className="side-count">{item.count}</span>
							</h3>
						</li>
					);
				})}
			</ul>
		</div>
	);
}

function flat(groups: TerminalGroup[]): Item[] {
	return groups.flatMap(({ group, terminals }): Item[] => [
		{ group, count: terminals.length },
		...terminals.map((terminal) => ({ terminal })),
	]);
}

function keyOf(item: Item | undefined): string {
	if (!item) return "";
	return "group" in item ? item.group : item.terminal.id;
}

function nextRow(items: Item[], from: number, step: number): number | undefined {
	for (let i = from + step; i >= 0 && i < items.length; i += step) {
		const item = items[i];
		if (item && "terminal" in item) return i;
	}
	return undefined;
}
