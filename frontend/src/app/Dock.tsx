// The centre: dockable tabs. Closing a tab lets go of the terminal and never
// ends its program.

import {
	type DockviewApi,
	DockviewReact,
	type DockviewTheme,
	type IDockviewPanelHeaderProps,
	type IDockviewPanelProps,
} from "dockview-react";
import { X } from "lucide-react";
import { type RefObject, useEffect, useRef, useState } from "react";
import "dockview-react/dist/styles/dockview.css";
import { inLines, shapeOf, stateWords } from "../domain/words";
import { History } from "../feature/events/History";
import { TerminalPane } from "../feature/terminal/TerminalPane";
import { useDesk, useSelect } from "../ui/desk";
import { Button, Empty, Name } from "../ui/primitives";
import { StateShape } from "../ui/StateShape";

const theme: DockviewTheme = { name: "atelier", className: "dock-theme", tabGroupIndicator: "none" };

type Params = { terminal?: string };

function TerminalPanel({ api, params }: IDockviewPanelProps<Params>) {
	const [active, setActive] = useState(api.isActive);
	useEffect(() => {
		const follow = api.onDidActiveChange((e) => setActive(e.isActive));
		return () => follow.dispose();
	}, [api]);
	return <TerminalPane id={params.terminal ?? ""} active={active} />;
}

const components = { terminal: TerminalPanel, history: () => <History /> };

function Tab({ api, params }: IDockviewPanelHeaderProps<Params>) {
	const terminal = useSelect((s) => s.terminals.get(params.terminal ?? ""));
	const name = params.terminal ? (terminal?.name ?? "Terminal") : "History";
	const tab = useRef<HTMLDivElement>(null);
	useEffect(() => api.setTitle(name), [api, name]);
	useInSight(tab, api);
	return (
		<div className="tab" ref={tab} title={terminal ? `${inLines(terminal.name)}\n${terminal.cwd}` : name}>
			{terminal ? <StateShape shape={shapeOf(terminal)} label={stateWords(terminal)} /> : null}
			<Name text={name} className="tab-name" />
			<span
				className="tab-close"
				aria-hidden="true"
				title={terminal ? "Close the tab. The program goes on" : "Close the tab"}
				onPointerDown={(e) => e.stopPropagation()}
				onClick={() => api.close()}
			>
				<X size={14} strokeWidth={1.5} />
			</span>
		</div>
	);
}

/** Keeps the open tab of a strip in sight while names, widths and the choice change. */
function useInSight(tab: RefObject<HTMLElement | null>, api: IDockviewPanelHeaderProps["api"]): void {
	useEffect(() => {
		const own = tab.current?.closest<HTMLElement>(".dv-tab");
		const strip = own?.closest<HTMLElement>(".dv-tabs-container");
		if (!own || !strip) return;
		const show = () => {
			strip.querySelector(".dv-active-tab")?.scrollIntoView({ block: "nearest", inline: "nearest" });
		};
		const watcher = new ResizeObserver(show);
		watcher.observe(own);
		watcher.observe(strip);
		const chosen = api.onDidVisibilityChange(show);
		return () => {
			watcher.disconnect();
			chosen.dispose();
		};
	}, [tab, api]);
}

function Nothing() {
	const desk = useDesk();
	return (
		<div className="whole">
			<Empty title="Nothing is open.">
				<p>Choose a terminal on the left, or start one. Closing a tab never ends a program.</p>
				<Button kind="main" onClick={desk.newTerminal}>
					New terminal
				</Button>
			</Empty>
		</div>
	);
}

export function Dock({ onReady }: { onReady: (api: DockviewApi) => void }) {
	return (
		<main className="dock" data-region="centre" aria-label="Open panes">
			<DockviewReact
				theme={theme}
				components={components}
				defaultTabComponent={Tab}
				watermarkComponent={Nothing}
				disableFloatingGroups
				onReady={(e) => onReady(e.api)}
			/>
		</main>
	);
}

/** Shows a pane: the one that is open, or a new tab. */
export function showPane(dock: DockviewApi, pane: { terminal: string } | "history"): void {
	const id = pane === "history" ? "history" : `terminal:${pane.terminal}`;
	const open = dock.getPanel(id);
	if (open) return open.api.setActive();
	dock.addPanel(
		pane === "history"
			? { id, component: "history", title: "History" }
			: { id, component: "terminal", title: "Terminal", params: pane },
	);
}

/** Moves the open tab into a pane of its own; one that is alone stays. */
export function moveRight(dock: DockviewApi): void {
	const panel = dock.activePanel;
	if (panel && panel.group.panels.length > 1) panel.api.moveTo({ group: panel.group, position: "right" });
}
