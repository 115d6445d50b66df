-- Runs the `step` that stands above, and gives a refusal as data: {-1, text}. A server before Redis 7 gives each error
-- inside a script the code ERR, and hides the real one in the text; and a script that fails has no reply but its error.
--
-- The first command that is refused ends the step. So a step begins with the write that a server in trouble refuses
-- first, and nothing is left half written.
local done, reply = pcall(step)
if done then
    return reply
end
-- Redis 7 gives a table, and servers before it a text.
return {-1, type(reply) == 'table' and reply.err or reply}
