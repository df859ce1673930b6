import OpenAI from "openai";

const client = new OpenAI({
  baseURL: "{{base_url}}",
  apiKey: process.env.STARSCOO_KEY,
});

const completion = await client.chat.completions.create({
  model: "{{model}}",
  messages: [{ role: "user", content: "Say hello in one sentence." }],
});
console.log(completion.choices[0].message.content);
