import "@fontsource-variable/inter";
import "./app.css";
import { createRoot } from "react-dom/client";
import { Store } from "../store/store";
import { linkOpener } from "../wire/attach/open";
import { connectCore } from "../wire/client";
import { faultOf } from "../wire/faults";
import { placeOf } from "../wire/place";
import { exchangeToken, postJSON, secretOf } from "../wire/token";
import { App } from "./App";
import { ErrorBoundary } from "./ErrorBoundary";
import { startSync } from "./sync";
import { applyTheme } from "./theme";

async function begin(): Promise<void> {
	applyTheme();
	const place = placeOf(location);
	const store = new Store();
	const { studio, session } = connectCore(place);
	const root = createRoot(document.getElementById("root") as HTMLElement);
	try {
		await exchangeToken(location, (url) => history.replaceState(null, "", url), postJSON, place.api);
	} catch (error) {
		// Whoever was let in before needs no new link.
		const before = await studio.status().catch(faultOf);
		if ("code" in before && before.code === "unauthenticated") {
			store.setConnection("locked", Date.now(), faultOf(error));
		}
	}
	const sync = startSync(store, studio, () => session.forget());
	const openLink = linkOpener(place, session, studio);
	const served = place.surface === "web";
	const memory = served ? sessionStorage : localStorage;
	root.render(
		<ErrorBoundary>
			<App store={store} studio={studio} openLink={openLink} sync={sync} memory={memory} served={served} />
		</ErrorBoundary>,
	);
}

// What was let go of when the page was left is not taken up again piece by piece.
window.addEventListener("pageshow", (shown) => {
	if (shown.persisted) location.reload();
});
// A new link that is opened in this tab changes the fragment alone: the page begins anew with it.
window.addEventListener("hashchange", () => {
	if (secretOf(location)) location.reload();
});
void begin();
