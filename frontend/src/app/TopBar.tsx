// The top bar: where I am, what is not normal, and me.
import { Menu } from "@base-ui/react/menu";
import { PanelLeft, PanelRight, Search, UserRound } from "lucide-react";
import { toldKey } from "../domain/keys";
import { middleCut } from "../domain/words";
import { selectChip } from "../store/selectors";
import { useSelect } from "../ui/desk";
import { useEntered } from "../ui/entered";
import { IconButton, Name } from "../ui/primitives";
import type { ThemeChoice } from "./theme";

interface TopBarProps {
	place: string;
	sidebar: boolean;
	details: boolean;
	theme: ThemeChoice;
	onSidebar: () => void;
	onDetails: () => void;
	onPalette: () => void;
	onTheme: (choice: ThemeChoice) => void;
}

const THEMES: [ThemeChoice, string][] = [
	["system", "As the system"],
	["light", "Light"],
	["dark", "Dark"],
];

export function TopBar(p: TopBarProps) {
	const status = useSelect((s) => s.status);
	const label = useSelect((s) => selectChip(s)?.label);
	const title = useSelect((s) => selectChip(s)?.title);
	const entered = useEntered();
	const withKey = (label: string, command: "sidebar" | "details") => {
		const key = toldKey(command, entered);
		return key ? `${label} (${key})` : label;
	};
	return (
		<header className="top" data-region="top">
			<IconButton
				label={withKey(p.sidebar ? "Hide the sidebar" : "Show the sidebar", "sidebar")}
				onClick={p.onSidebar}
			>
				<PanelLeft size={16} strokeWidth={1.5} />
			</IconButton>
			<h1 className="place">
				<span className="place-workspace" title={status?.home}>
					{status?.workspaceName ?? "Atelier"}
				</span>
				{p.place ? (
					<>
						<span className="place-slash" aria-hidden>
							/
						</span>
						<Name text={p.place} />
					</>
				) : null}
			</h1>
			{label ? (
				<span className="chip" role="status" title={title}>
					{label}
				</span>
			) : null}
			<span className="top-space" />
			<button type="button" className="top-search" onClick={p.onPalette} title="All commands (Ctrl+Shift+P)">
				<Search size={14} strokeWidth={1.5} aria-hidden />
				<span>Find or do anything</span>
				<kbd>Ctrl+Shift+P</kbd>
			</button>
			<IconButton
				label={withKey(p.details ? "Hide Details" : "Show Details", "details")}
				onClick={p.onDetails}
			>
				<PanelRight size={16} strokeWidth={1.5} />
			</IconButton>
			<Menu.Root>
				<Menu.Trigger className="me" aria-label="Me">
					<UserRound size={16} strokeWidth={1.5} aria-hidden />
					<span>{status?.actorName ?? ""}</span>
				</Menu.Trigger>
				<Menu.Portal>
					<Menu.Positioner className="menu-place" sideOffset={4} align="end">
						<Menu.Popup className="menu">
							{status ? (
								<div className="menu-note">
									{status.actorName} on {middleCut(status.deviceName)}
									<div className="menu-home" title={status.home}>
										{status.home}
									</div>
								</div>
							) : null}
							<Menu.Separator className="menu-line" />
							<div className="menu-note">Theme</div>
							<Menu.RadioGroup value={p.theme} onValueChange={(value) => p.onTheme(value as ThemeChoice)}>
								{THEMES.map(([value, word]) => (
									<Menu.RadioItem key={value} value={value} className="menu-item">
										{word}
										<Menu.RadioItemIndicator className="menu-check">✓</Menu.RadioItemIndicator>
									</Menu.RadioItem>
								))}
							</Menu.RadioGroup>
						</Menu.Popup>
					</Menu.Positioner>
				</Menu.Portal>
			</Menu.Root>
		</header>
	);
}
