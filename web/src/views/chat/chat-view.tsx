import "./chat.css";
import { useLayoutEffect, useRef } from "preact/hooks";
import { model } from "../../state/connection.ts";
import { isRunning } from "../../state/run.ts";
import type { View } from "../../view.ts";
import { Composer } from "./composer.tsx";
import { announcement, exchanges } from "./conversation.ts";
import { ExchangeView } from "./exchange-view.tsx";

function Chat() {
  if (model.value === undefined) return <p class="hint">Waiting for the server …</p>;
  if (!model.value.takes_chats) return <NoChats name={model.value.root} />;
  return (
    <>
      <Conversation />
      <Composer />
      <p class="unseen" role="status" aria-live="polite">
        {announcement.value}
      </p>
    </>
  );
}

const NoChats = ({ name }: { readonly name: string }) => (
  <p id="no-chats" class="lead">
    {name} has no chat template, so it does not know a conversation from other text. Serve a model that has
    one, or start the server with <code>--chat-template FILE</code>; the other views work with any model.
  </p>
);

/** How far from its end a reader may be to be taken along, px. */
const nearEnd = 80;

/** The exchanges, with their end in sight as they grow, unless the reader has gone back to an earlier part. */
function Conversation() {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const { length } = exchanges.value;
  // What stands behind an answer comes when it is over.
  const isBusy = isRunning.value;
  useLayoutEffect(() => {
    follows.current = true;
  }, [length]);
  useLayoutEffect(() => {
    if (follows.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  });
  return (
    <div
      ref={box}
      class="conversation"
      role="region"
      aria-busy={isBusy}
      aria-label="Conversation"
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < nearEnd;
      }}
    >
      <h2 class="unseen">Conversation</h2>
      {length === 0 && (
        <p class="lead">
          Ask the model something. <b>Power</b> rewrites its answer before it shows it, and takes longer;{" "}
          <b>Standard</b> says the first thing that it draws. Choose anew for each turn, and see how sure it
          was.
        </p>
      )}
      <ol>
        {exchanges.value.map((exchange) => (
          <ExchangeView key={exchange.id} exchange={exchange} />
        ))}
      </ol>
    </div>
  );
}

/** A conversation with a model that has a template for it. */
export const chatView: View = {
  label: "Chat",
  reads: "nothing",
  ownForm: "composer",
  Panel: Chat,
};
