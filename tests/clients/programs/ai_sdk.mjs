// The AI SDK with its provider for compatible servers: plain, streamed, and a tool in two steps of its own.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

const provider = createOpenAICompatible({
  name: "starscoo",
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: process.env.OPENAI_API_KEY,
  includeUsage: true,
});
const model = provider(process.env.MODEL);
const asked = [];
const tools = {
  weather: tool({
    description: "The weather in a city",
    inputSchema: jsonSchema({
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    }),
    execute: async (given) => {
      asked.push(given);
      return "sunny";
    },
  }),
};
const common = { model, maxRetries: 0 };

const done = { plain: (await generateText({ ...common, prompt: "Hi" })).text };

const stream = streamText({ ...common, prompt: "Count" });
done.stream = "";
for await (const piece of stream.textStream) done.stream += piece;
done.tokens = (await stream.usage).totalTokens;

const two = { ...common, prompt: "Weather in Oslo?", tools, stopWhen: stepCountIs(2) };
done.tool = { after: (await generateText(two)).text, arguments: asked[0] };
done.streamed_tool = { after: await streamText(two).text, arguments: asked[1] };

console.log(JSON.stringify(done));
