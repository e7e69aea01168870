import "./styles/page.css";
import "./styles/settings.css";
import "./styles/tokens.css";
import { render } from "preact";
import { App } from "./app.tsx";

render(<App />, document.body);
