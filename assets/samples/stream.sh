curl -N {{base_url}}/chat/completions \
  -H "Authorization: Bearer $STARSCOO_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "{{model}}",
    "messages": [
      {"role": "user", "content": "Count from one to five."}
    ],
    "stream": true,
    "stream_options": {"include_usage": true}
  }'
