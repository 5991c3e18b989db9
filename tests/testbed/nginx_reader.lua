-- What nginx does with the routes that nginx_reader.py sends it: the decisions of ingress-nginx that
-- tidegate's annotations ask for, and its series of metrics for them. It is not that controller.
-- Nothing is loaded again for a new route, so no connection is cut.
local cjson = require "cjson.safe"

local M = {}
local hosts, version, turn = {}, "none", 0
local requests, durations = {}, {}
local EDGES = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }

local function leads(route, uri)
  if route.exact then return uri == route.path end
  local path = route.path:gsub("/+$", "")
  return uri == path or uri:sub(1, #path + 1) == path .. "/"
end

-- A header goes before a cookie, and that before the weight.
local function takes_canary(canary)
  if canary.header then
    local value = ngx.req.get_headers()[canary.header]
    if type(value) == "table" then value = value[1] end
    if value and canary.value then
      if value == canary.value then return true end
    elseif value and canary.pattern then
      if ngx.re.find(value, canary.pattern) then return true end
    elseif value == "always" then
      return true
    elseif value == "never" then
      return false
    end
  end
  if canary.cookie then
    local value = ngx.var["cookie_" .. canary.cookie]
    if value == "always" then return true end
    if value == "never" then return false end
  end
  return math.random(canary.total) <= canary.weight
end

function M.route()
  for _, route in ipairs(hosts[ngx.var.host] or {}) do
    if leads(route, ngx.var.uri) then
      ngx.ctx.route = route
      local to, canary = route, route.canary
      -- A canary without a ready pod leaves its share to the others.
      if canary and #canary.addresses > 0 and takes_canary(canary) then
        to, ngx.ctx.canary = canary, canary.name
      end
      if #to.addresses == 0 then return ngx.exit(503) end
      turn = turn + 1
      ngx.var.target = to.addresses[turn % #to.addresses + 1]
      return
    end
  end
  ngx.exit(404)
end

local function add(counts, labels, value)
  counts[labels] = (counts[labels] or 0) + value
end

-- Requests count for the Ingress and the Service of the user; `canary` alone tells the canary's.
function M.count()
  local route = ngx.ctx.route
  if not route then return end
  local labels = string.format(
    'namespace="%s",ingress="%s",service="%s",canary="%s"',
    route.namespace, route.ingress, route.service, ngx.ctx.canary or ""
  )
  add(requests, labels .. ',status="' .. ngx.status .. '"', 1)
  local seconds = tonumber(ngx.var.upstream_response_time)
  if not seconds then return end
  for _, edge in ipairs(EDGES) do
    add(durations, labels .. ',le="' .. edge .. '"', seconds <= edge and 1 or 0)
  end
  add(durations, labels .. ',le="+Inf"', 1)
end

local function page(name, counts)
  ngx.say("# TYPE ", name, " counter")
  for labels, value in pairs(counts) do ngx.say(name, "{", labels, "} ", value) end
end

function M.metrics()
  page("nginx_ingress_controller_requests", requests)
  page("nginx_ingress_controller_response_duration_seconds_bucket", durations)
end

function M.configuration()
  if ngx.req.get_method() == "POST" then
    ngx.req.read_body()
    local sent = cjson.decode(ngx.req.get_body_data() or "")
    if not sent then return ngx.exit(400) end
    hosts, version = sent.hosts, sent.version
  end
  ngx.print(version)
end

return M
