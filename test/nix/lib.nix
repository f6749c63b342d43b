# A small stand-in for the parts of nixpkgs' lib that the module uses, so that it can be evaluated where nixpkgs cannot
# be had: options with types, mkIf, mkMerge, priorities, submodules, modules imported twice. Errors read like the real
# ones. It is stricter where it is smaller: an option that nobody declared is an error, always.
let
  inherit (builtins)
    all
    any
    attrNames
    concatLists
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    head
    isAttrs
    isBool
    isFunction
    isFloat
    isInt
    isList
    isString
    length
    listToAttrs
    map
    mapAttrs
    match
    replaceStrings
    stringLength
    substring
    tail
    toJSON
    typeOf
    ;

  showPath = concatStringsSep ".";
  recursiveUpdate =
    a: b:
    a
    // mapAttrs (
      name: value: if isAttrs value && isAttrs (a.${name} or null) then recursiveUpdate a.${name} value else value
    ) b;
  filterAttrs =
    keep: set: listToAttrs (
      map (name: { inherit name; value = set.${name}; }) (filter (name: keep name set.${name}) (attrNames set))
    );
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasInfix = infix: text: replaceStrings [ infix ] [ "" ] text != text;
  optional = condition: value: if condition then [ value ] else [ ];
  concatMap = f: list: concatLists (map f list);
  unique = foldl' (seen: each: if elem each seen then seen else seen ++ [ each ]) [ ];

  # --- types: { name, check, merge } -------------------------------------------------------------------------------
  show = value: if isFunction value then "a function" else if typeOf value == "path" then toString value else toJSON value;
  one =
    loc: defs:
    if all (def: def == head defs) defs then
      head defs
    else
      throw "The option `${showPath loc}' has conflicting definition values: ${concatStringsSep ", " (map show defs)}";
  simple = name: check: { inherit name check; merge = one; };
  isPathLike = value: typeOf value == "path" || (isString value && hasPrefix "/" value) || (isAttrs value && value ? outPath);
  inStore = value: typeOf value == "path" || hasPrefix "/nix/store/" (toString value);

  types = rec {
    str = simple "string" isString;
    bool = simple "boolean" isBool;
    int = simple "signed integer" isInt;
    port = simple "16 bit unsigned integer; between 0 and 65535 (both inclusive)" (v: isInt v && v >= 0 && v <= 65535);
    numbers.nonnegative = simple "integer or floating point number, meaning >=0" (v: (isInt v || isFloat v) && v >= 0);
    ints = {
      unsigned = simple "unsigned integer, meaning >=0" (v: isInt v && v >= 0);
      positive = simple "positive integer, meaning >0" (v: isInt v && v > 0);
      between =
        low: high: simple "integer between ${toString low} and ${toString high} (both inclusive)" (v: isInt v && v >= low && v <= high);
    };
    path = simple "absolute path" isPathLike;
    externalPath = simple "absolute path not in the Nix store" (v: isPathLike v && !(inStore v));
    package = simple "package" (v: isAttrs v && v ? outPath);
    enum = values: simple "one of ${concatStringsSep ", " (map show values)}" (v: elem v values);
    strMatching = pattern: simple "string matching the pattern ${pattern}" (v: isString v && match pattern v != null);
    anything = {
      name = "anything";
      check = _: true;
      merge = loc: defs: if all isAttrs defs && !(any (def: def ? outPath) defs) then foldl' recursiveUpdate { } defs else one loc defs;
    };
    listOf = type: {
      options = type.options or null;
      name = "list of ${type.name}";
      check = isList;
      merge = loc: defs: map (value: valueFor type (loc ++ [ "*" ]) [ value ]) (concatLists defs);
    };
    attrsOf = type: {
      options = type.options or null;
      name = "attribute set of ${type.name}";
      check = isAttrs;
      merge =
        loc: defs:
        listToAttrs (
          map (name: {
            inherit name;
            value = valueFor type (loc ++ [ name ]) (map (def: def.${name}) (filter (def: def ? ${name}) defs));
          }) (unique (concatMap attrNames defs))
        );
    };
    nullOr = type: {
      options = type.options or null;
      name = "null or ${type.name}";
      check = v: v == null || type.check v;
      merge = loc: defs: if all (def: def == null) defs then null else type.merge loc (filter (def: def != null) defs);
    };
    either = a: b: {
      name = "${a.name} or ${b.name}";
      check = v: a.check v || b.check v;
      merge = loc: defs: if all a.check defs then a.merge loc defs else b.merge loc defs;
    };
    submodule = module: {
      inherit (module) options;
      name = "submodule";
      check = v: isAttrs v || isFunction v;
      merge = loc: defs: (evalModules { modules = [ module ] ++ map (config: { inherit config; }) defs; inherit loc; }).config;
    };
  };

  valueFor =
    type: loc: defs:
    let
      wrong = filter (def: !(type.check def)) defs;
    in
    if wrong != [ ] then
      throw "A definition for option `${showPath loc}' is not of type `${type.name}'. Definition value: ${show (head wrong)}"
    else
      type.merge loc defs;

  # --- modules -----------------------------------------------------------------------------------------------------
  isOption = value: isAttrs value && (value._type or null) == "option";
  # A definition under mkIf, mkMerge and mkOverride, as a list of { priority, value }.
  flat =
    value:
    if !(isAttrs value) then
      [ { priority = 100; inherit value; } ]
    else if (value._type or null) == "if" then
      if value.condition then flat value.content else [ ]
    else if (value._type or null) == "merge" then
      concatMap flat value.contents
    else if (value._type or null) == "override" then
      map (each: each // { inherit (value) priority; }) (flat value.content)
    else
      [ { priority = 100; inherit value; } ];

  # Conditions move down to each member, so that which options a module sets never depends on their values.
  push =
    value:
    if (value._type or null) == "if" then
      map (mapAttrs (_: each: { _type = "if"; inherit (value) condition; content = each; })) (push value.content)
    else if (value._type or null) == "merge" then
      concatMap push value.contents
    else if (value._type or null) == "override" then
      map (mapAttrs (_: each: { _type = "override"; inherit (value) priority; content = each; })) (push value.content)
    else
      [ value ];

  evalModules =
    {
      modules,
      specialArgs ? { },
      loc ? [ ],
    }:
    let
      open = module: if isFunction module then module (args // specialArgs) else if isString module || typeOf module == "path" then open (import module) else module;
      args = { inherit config lib; };
      collect =
        seen: module:
        let
          opened = open module;
          key = opened.key or null;
        in
        if key != null && elem key seen.keys then
          seen
        else
          let
            imported = foldl' collect (seen // { keys = seen.keys ++ optional (key != null) key; }) (opened.imports or [ ]);
          in
          imported // { modules = imported.modules ++ [ opened ]; };
      loaded = (foldl' collect { keys = [ ]; modules = [ ]; } modules).modules;
      isPlain = module: !(module ? config || module ? options);
      configOf = module: if isPlain module then removeAttrs module [ "imports" "key" "_file" ] else module.config or { };

      mergeOptions =
        path: a: b:
        a
        // mapAttrs (
          name: value:
          if !(a ? ${name}) then
            value
          else if isOption a.${name} || isOption value then
            throw "The option `${showPath (path ++ [ name ])}' is already declared."
          else
            mergeOptions (path ++ [ name ]) a.${name} value
        ) b;
      options = foldl' (mergeOptions loc) { } (map (module: module.options or { }) loaded);

      build =
        path: options: defs:
        let
          unknown = filter (name: !(options ? ${name})) (unique (concatMap attrNames defs));
        in
        if unknown != [ ] then
          throw "The option `${showPath (path ++ [ (head unknown) ])}' does not exist."
        else
          mapAttrs (
            name: option:
            let
              here = path ++ [ name ];
              definitions = map (def: def.${name}) (filter (def: def ? ${name}) defs);
              given = concatMap flat definitions;
              all' = given ++ optional (option ? default) { priority = 1500; value = option.default; };
              best = foldl' (low: each: if each.priority < low then each.priority else low) 9999 all';
              used = map (each: each.value) (filter (each: each.priority == best) all');
            in
            if !(isOption option) then
              build here option (concatMap push definitions)
            else if used == [ ] then
              throw "The option `${showPath here}' is used but not defined."
            else
              valueFor option.type here used
          ) options;
      config = build loc options (concatMap (module: push (configOf module)) loaded);
    in
    { inherit config options; };

  lib = {
    inherit
      types
      recursiveUpdate
      filterAttrs
      mapAttrsToList
      hasPrefix
      hasInfix
      optional
      concatMap
      evalModules
      ;
    inherit (builtins) concatStringsSep isAttrs mapAttrs;
    mkOption = option: option // { _type = "option"; };
    mkEnableOption =
      what:
      lib.mkOption {
        type = types.bool;
        default = false;
        description = "Whether to enable ${what}.";
      };
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    mkDefault = content: { _type = "override"; priority = 1000; inherit content; };
    mkForce = content: { _type = "override"; priority = 50; inherit content; };
    literalExpression = text: { _type = "literalExpression"; inherit text; };
    optionals = condition: list: if condition then list else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    optionalString = condition: text: if condition then text else "";
    escapeShellArg = value: "'${replaceStrings [ "'" ] [ "'\\''" ] (toString value)}'";
    hiPrio = package: package;
  };
in
lib
