// The official SDK for Node: plain, streamed, and a tool by its own helper.
import OpenAI from "openai";

const client = new OpenAI();
const model = process.env.MODEL;
const messages = [{ role: "user", content: "Hi" }];
const asked = [];
const weather = {
  type: "function",
  function: {
    name: "weather",
    description: "The weather in a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    function: (given) => {
      asked.push(JSON.parse(given));
      return "sunny";
    },
  },
};

const done = { plain: (await client.chat.completions.create({ model, messages })).choices[0].message.content };

done.stream = "";
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true }))
  done.stream += chunk.choices[0]?.delta?.content ?? "";

const runner = client.chat.completions.runTools({ model, messages, tools: [weather] });
done.tool = { after: await runner.finalContent(), arguments: asked[0] };

const streaming = client.chat.completions.runTools({ model, messages, tools: [weather], stream: true });
done.streamed_tool = { after: await streaming.finalContent(), arguments: asked[1] };

console.log(JSON.stringify(done));
