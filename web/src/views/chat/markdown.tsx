import { marked } from "marked";
import type { MarkedToken, Token, Tokens } from "marked";
import { createContext } from "preact";
import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";

/** Where a link may lead: a model's text is anybody's. */
const safeProtocols = new Set(["http:", "https:", "mailto:"]);

/**
 * Markdown as elements. Nothing of the text becomes markup by itself: HTML in it is shown as it is written, pictures are
 * not fetched, links of other kinds than these are plain text, and so is what nests deeper than anybody writes.
 */
export const Markdown = ({ text }: { readonly text: string }) => (
  <div class="markdown">{elementsOf(parse(text))}</div>
);

/** Levels of markup within markup that are shown as such: models that repeat themselves open thousands. */
const deepest = 24;
const Depth = createContext(0);

function parse(text: string): readonly Token[] {
  try {
    return marked.lexer(text, { gfm: true, breaks: true });
  } catch (error) {
    // The parser recurses, level by level.
    if (error instanceof RangeError) return [{ type: "text", raw: text, text }];
    throw error;
  }
}

const elementsOf = (tokens: readonly Token[] = []): ComponentChildren =>
  tokens.map((token, index) => <Element key={index} token={token as MarkedToken} />);

interface ElementProps {
  readonly token: MarkedToken;
}

function Element({ token }: ElementProps) {
  const depth = useContext(Depth);
  if (depth === deepest) return <>{token.raw}</>;
  return (
    <Depth.Provider value={depth + 1}>
      <Markup token={token} />
    </Depth.Provider>
  );
}

function Markup({ token }: ElementProps) {
  switch (token.type) {
    case "paragraph":
      return <p>{elementsOf(token.tokens)}</p>;
    case "heading":
      // Of one level, whatever the text has: its outline is not the page's.
      return <h3 class={`level-${token.depth}`}>{elementsOf(token.tokens)}</h3>;
    case "list":
      return <List list={token} />;
    case "code":
      return (
        <pre tabIndex={0}>
          <code>{token.text}</code>
        </pre>
      );
    case "blockquote":
      return <blockquote>{elementsOf(token.tokens)}</blockquote>;
    case "table":
      return <Table table={token} />;
    case "hr":
      return <hr />;
    case "space":
    case "def":
      return null;
    case "strong":
      return <strong>{elementsOf(token.tokens)}</strong>;
    case "em":
      return <em>{elementsOf(token.tokens)}</em>;
    case "del":
      return <del>{elementsOf(token.tokens)}</del>;
    case "codespan":
      return <code>{token.text}</code>;
    case "br":
      return <br />;
    case "checkbox":
      return <>{token.checked ? "☑ " : "☐ "}</>;
    case "link":
      return <Link href={token.href}>{elementsOf(token.tokens)}</Link>;
    case "image":
      return <Link href={token.href}>{token.text || token.href}</Link>;
    case "text":
      return <>{"tokens" in token ? elementsOf(token.tokens) : token.text}</>;
    case "escape":
      return <>{token.text}</>;
    default:
      return <>{token.raw}</>;
  }
}

function List({ list }: { readonly list: Tokens.List }) {
  const items = list.items.map((item, index) => <li key={index}>{elementsOf(item.tokens)}</li>);
  return list.ordered ? <ol start={Number(list.start)}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ table: { header, rows } }: { readonly table: Tokens.Table }) {
  return (
    <div class="table" tabIndex={0} role="group" aria-label="Table">
      <table>
        <thead>
          <tr>
            {header.map((cell, index) => (
              <th key={index} scope="col">
                {elementsOf(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, place) => (
                <td key={place}>{elementsOf(cell.tokens)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface LinkProps {
  readonly href: string;
  readonly children: ComponentChildren;
}

function Link({ href, children }: LinkProps) {
  if (!URL.canParse(href) || !safeProtocols.has(new URL(href).protocol)) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}
