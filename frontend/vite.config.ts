import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

// Every browser that runs this page reads WOFF2: the older form of each font
// would only make the programs larger.
const woff2Only: Plugin = {
	name: "woff2-only",
	enforce: "pre",
	transform: {
		filter: { id: /@fontsource.*\.css$/ },
		handler: (css) => css.replace(/,\s*url\([^)]*\.woff\)\s*format\('woff'\)/g, ""),
	},
};

// One bundle serves the window and the browser. Nothing is inlined: the content
// security policy allows neither inline scripts nor data: fonts.
export default defineConfig({
	plugins: [react(), woff2Only],
	base: "/",
	build: {
		target: "es2022",
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		chunkSizeWarningLimit: 1500,
	},
	server: { proxy: { "/api": { target: process.env.ATELIER_API ?? "http://127.0.0.1:7420", ws: true } } },
	test: {
		include: ["src/**/*.test.{ts,tsx}"],
		environment: "node",
	},
});
