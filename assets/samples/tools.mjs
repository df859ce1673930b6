import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "{{base_url}}",
  apiKey: process.env.STARSCOO_KEY,
});

function getWeather({ city }) {
  return { city, celsius: 7, sky: "light rain" };
}

const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather in a city, now.",
      parameters: {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
      },
    },
  },
];
const messages = [{ role: "user", content: "What is the weather in Oslo?" }];

const { choices: [{ message: answer }] } = await client.chat.completions.create({
  model: "{{model}}",
  messages,
  tools,
});
messages.push(answer);

for (const call of answer.tool_calls ?? []) {
  const weather = getWeather(JSON.parse(call.function.arguments));
  messages.push({
    role: "tool",
    tool_call_id: call.id,
    content: JSON.stringify(weather),
  });
}

const final = await client.chat.completions.create({
  model: "{{model}}",
  messages,
  tools,
});
console.log(final.choices[0].message.content);
