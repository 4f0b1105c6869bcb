// The shell: bar, sidebar, panes, Details, and the questions that it asks.
import type { DockviewApi } from "dockview-react";
import { X } from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { KeyCommand } from "../domain/keys";
import type { OpenLink, Studio } from "../domain/studio";
import { ended, type Fault } from "../domain/types";
import { Details } from "../feature/details/Details";
import type { Store } from "../store/store";
import { type Desk, DeskProvider, ThemeProvider } from "../ui/desk";
import { FaultNote, IconButton } from "../ui/primitives";
import { faultOf } from "../wire/faults";
import { Dock, moveRight, showPane } from "./Dock";
import { EndDialog, RenameDialog } from "./dialogs";
import { Locked } from "./Locked";
import { keepLayout, restoreLayout } from "./layout";
import { Offline } from "./Offline";
import { Palette } from "./Palette";
import { Sidebar } from "./Sidebar";
import type { Sync } from "./sync";
import { TopBar } from "./TopBar";
import { useThemeChoice } from "./theme";
import { useKeys, walkRegions } from "./useKeys";

/** The size of a new terminal until its pane tells its own. */
const FIRST_SIZE = { cols: 96, rows: 28 };
/** Failures shown at once; an older one makes room. */
const MOST_TOASTS = 3;

interface AppProps {
	store: Store;
	studio: Studio;
	openLink: OpenLink;
	sync: Sync;
	/** Where the panes of this page are remembered. */
	memory: Storage;
	/** The page comes from the core's own listener, not from the window. */
	served: boolean;
}

type Asking = { kind: "rename" | "end"; id: string } | { kind: "palette" } | undefined;
type Pane = { kind: "terminal"; id: string } | { kind: "history" } | undefined;

export function App({ store, studio, openLink, sync, memory, served }: AppProps) {
	const state = useSyncExternalStore(store.subscribe, store.get);
	const dock = useRef<DockviewApi | undefined>(undefined);
	const fresh = useRef(new Set<string>());
	const [sidebar, setSidebar] = useState(true);
	const [details, setDetails] = useState(false);
	const [asking, setAsking] = useState<Asking>();
	const [pane, setPane] = useState<Pane>();
	const [faults, setFaults] = useState<Fault[]>([]);
	const [theme, choice, choose] = useThemeChoice();

	const desk = useMemo((): Desk => {
		const openTerminal = (id: string) => {
			if (dock.current) showPane(dock.current, { terminal: id });
			store.select({ kind: "terminal", id });
			// A pane that was open already is entered like one that opens.
			requestAnimationFrame(enter);
		};
		const report = (error: unknown) => {
			setFaults((before) => [...before, faultOf(error)].slice(-MOST_TOASTS));
			sync.refresh();
		};
		return {
			store,
			studio,
			openLink,
			openTerminal,
			report,
			newTerminal: () => {
				studio.start(FIRST_SIZE).then(({ id }) => {
					fresh.current.add(id);
					openTerminal(id);
				}, report);
			},
			openHistory: () => dock.current && showPane(dock.current, "history"),
			showDetails: () => setDetails(true),
			askRename: (id) => setAsking({ kind: "rename", id }),
			askEnd: (id) => setAsking({ kind: "end", id }),
			isFresh: (id) => fresh.current.delete(id),
		};
	}, [store, studio, openLink, sync]);

	useFirstPanes(state.listed ? state.status?.peerId : undefined, store, desk, dock, memory);

	const ready = useCallback(
		(api: DockviewApi) => {
			dock.current = api;
			api.onDidActivePanelChange((change) => {
				const id = change.panel?.id;
				setPane(paneOf(id));
				if (id?.startsWith("terminal:")) store.select({ kind: "terminal", id: id.slice("terminal:".length) });
				else if (store.get().selection?.kind === "terminal") store.select(undefined);
			});
		},
		[store],
	);

	const current = pane?.kind === "terminal" ? pane.id : undefined;
	const run = useCallback(
		(command: KeyCommand) => {
			const act: Record<KeyCommand, () => void> = {
				palette: () => setAsking({ kind: "palette" }),
				copy: () => window.dispatchEvent(new Event("atelier:copy")),
				leave,
				"next-region": () => walkRegions(1),
				"previous-region": () => walkRegions(-1),
				sidebar: () => setSidebar((shown) => !shown),
				details: () => {
					const row = rowInFocus();
					const other = row !== undefined && row !== store.get().selection?.id;
					if (other) store.select({ kind: "terminal", id: row });
					setDetails((shown) => other || !shown);
				},
				rename: () => {
					const id = rowInFocus() ?? current;
					if (id) setAsking({ kind: "rename", id });
				},
			};
			act[command]();
		},
		[current, store],
	);
	useKeys(run);

	if (state.connection.phase === "locked") return <Locked fault={state.connection.fault} />;
	const asked = asking && "id" in asking ? state.terminals.get(asking.id) : undefined;
	const close = () => setAsking(undefined);
	const place = pane?.kind === "history" ? "History" : (state.terminals.get(current ?? "")?.name ?? "");
	return (
		<ThemeProvider value={theme}>
			<DeskProvider value={desk}>
				<div className="shell" data-sidebar={sidebar}>
					<TopBar
						place={place}
						sidebar={sidebar}
						details={details}
						theme={choice}
						onSidebar={() => setSidebar(!sidebar)}
						onDetails={() => setDetails(!details)}
						onPalette={() => setAsking({ kind: "palette" })}
						onTheme={choose}
					/>
					<div className="middle">
						{sidebar ? <Sidebar history={pane?.kind === "history"} onHistory={desk.openHistory} /> : null}
						<Dock onReady={ready} />
						{details ? <Details onClose={() => setDetails(false)} /> : null}
					</div>
				</div>
				<div className="toasts">
					<Offline served={served} />
					<Toasts faults={faults} onClose={(fault) => setFaults((all) => all.filter((f) => f !== fault))} />
				</div>
				{asking?.kind === "rename" && asked ? <RenameDialog terminal={asked} onClose={close} /> : null}
				{asking?.kind === "end" && asked ? <EndDialog terminal={asked} onClose={close} /> : null}
				{asking?.kind === "palette" ? (
					<Palette
						current={current}
						onClose={close}
						onTheme={choose}
						onSidebar={() => setSidebar((shown) => !shown)}
						onLeave={() => requestAnimationFrame(leave)}
						onNextRegion={() => requestAnimationFrame(() => walkRegions(1))}
						onCloseTab={() => dock.current?.activePanel?.api.close()}
						onMoveRight={() => dock.current && moveRight(dock.current)}
					/>
				) : null}
			</DeskProvider>
		</ThemeProvider>
	);
}

/** Gives the keyboard to the terminal in front. */
function enter(): void {
	document.querySelector<HTMLElement>('[data-active="true"] .xterm-helper-textarea')?.focus();
}

/** Leaves the terminal for its row in the sidebar, or for nothing at all. */
function leave(): void {
	const row = document.querySelector<HTMLElement>('.side-open[aria-current="true"]');
	if (row) row.focus();
	else if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}

/** The terminal whose row in the sidebar has the focus. */
function rowInFocus(): string | undefined {
	return document.activeElement?.closest<HTMLElement>("[data-terminal]")?.dataset.terminal;
}

function Toasts({ faults, onClose }: { faults: Fault[]; onClose: (fault: Fault) => void }) {
	return faults.map((fault, i) => (
		// biome-ignore lint/suspicious/noArrayIndexKey: equal faults may stand side by side and hold no state
		<div className="toast" key={i}>
			<FaultNote fault={fault} />
			<IconButton label="Close" onClick={() => onClose(fault)}>
				<X size={16} strokeWidth={1.5} />
			</IconButton>
		</div>
	));
}

function paneOf(id: string | undefined): Pane {
	if (!id) return undefined;
	return id === "history" ? { kind: "history" } : { kind: "terminal", id: id.slice("terminal:".length) };
}

/** Once the home and its terminals are known: opens on what was open before, else on the newest terminal that runs, else on a login shell of its own. */
function useFirstPanes(
	home: string | undefined,
	store: Store,
	desk: Desk,
	dock: React.RefObject<DockviewApi | undefined>,
	memory: Storage,
): void {
	const done = useRef(false);
	useEffect(() => {
		if (home === undefined || done.current || !dock.current) return;
		done.current = true;
		const restored = restoreLayout(dock.current, memory, home, (id) => store.get().terminals.has(id));
		keepLayout(dock.current, memory, home);
		if (restored) return;
		const running = [...store.get().terminals.values()].filter((t) => !ended(t));
		const newest = running.sort((a, b) => b.createdAt - a.createdAt)[0];
		if (newest) desk.openTerminal(newest.id);
		else desk.newTerminal();
	}, [home, store, desk, dock, memory]);
}
