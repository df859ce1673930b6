curl {{base_url}}/chat/completions \
  -H "Authorization: Bearer $STARSCOO_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "{{model}}",
    "messages": [
      {"role": "user", "content": "Say hello in one sentence."}
    ]
  }'
