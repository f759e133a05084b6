package polymarket.backfill.embedded;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * The permissions of statements to the embedded engine. The engine runs with its owner's rights and
 * could read and write everything that the owner can: {@link #config} revokes the rights that
 * ClickHouse has grants for, and {@link SqlGuard} rejects by name the things that have no grant.
 * Both use lists of what is allowed ({@code engine/allowed.txt}); everything else is rejected.
 */
final class EngineAccess {
  static final Set<String> SAFE_TYPES =
      Set.of(
          "Bool",
          "BoolAuto",
          "Char",
          "Double",
          "Float",
          "FloatAuto",
          "Int32",
          "Int64",
          "MaxThreads",
          "Milliseconds",
          "NonZeroUInt64",
          "Seconds",
          "UInt32",
          "UInt64",
          "UInt64Auto");

  private static final Map<String, Set<String>> ALLOWED = read();

  final Set<String> functions;
  final Set<String> tableFunctions;
  final Set<String> engines;
  final Set<String> settings;

  /** The folder whose files statements may read and write, a real path; null for none. */
  final Path files;

  private EngineAccess(
      Set<String> functions,
      Set<String> tableFunctions,
      Set<String> engines,
      Set<String> settings,
      Path files) {
    this.functions = functions;
    this.tableFunctions = tableFunctions;
    this.engines = engines;
    this.settings = settings;
    this.files = files;
  }

  /**
   * The names of an engine that statements must not use, in lower case.
   *
   * @param files null, or the folder that is allowed
   */
  static EngineAccess of(Chdb.Connection engine, Path files) {
    Set<String> engines =
        beyond(engine, "SELECT name FROM system.table_engines", "table engines", "");
    // an engine of both kinds under one name needs to be allowed as both
    engines.addAll(
        beyond(engine, "SELECT name FROM system.database_engines", "database engines", ""));
    Set<String> tableFunctions =
        beyond(engine, "SELECT name FROM system.table_functions", "table functions", "");
    Set<String> functions =
        beyond(engine, "SELECT name FROM system.functions", "functions", "origin = 'System'");
    if (files != null) {
      functions.remove("file");
      tableFunctions.remove("file");
    }
    String types = "type NOT IN ('" + String.join("', '", SAFE_TYPES) + "')";
    Set<String> settings = beyond(engine, "SELECT name FROM system.settings", "settings", types);
    settings.addAll(
        beyond(engine, "SELECT name FROM system.merge_tree_settings", "settings", types));
    return new EngineAccess(functions, tableFunctions, engines, settings, files);
  }

  private static Set<String> beyond(
      Chdb.Connection engine, String sql, String kind, String condition) {
    Set<String> names = new HashSet<>();
    Set<String> allowed = ALLOWED.get(kind);
    engine
        .query(sql + (condition.isEmpty() ? "" : " WHERE " + condition) + " FORMAT TSVRaw")
        .text()
        .lines()
        .filter(name -> !allowed.contains(name))
        .forEach(name -> names.add(name.toLowerCase(Locale.ROOT)));
    return names;
  }

  /** The names of one section of the list. */
  static Set<String> allowed(String kind) {
    return ALLOWED.get(kind);
  }

  private static Map<String, Set<String>> read() {
    Map<String, Set<String>> all = new HashMap<>();
    try (InputStream in = EngineAccess.class.getResourceAsStream("/engine/allowed.txt")) {
      Set<String> names = Set.of();
      for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
        if (line.startsWith("[")) {
          names = new HashSet<>();
          all.put(line.substring(1, line.length() - 1), names);
        } else if (!line.isBlank() && !line.startsWith("#")) {
          names.addAll(List.of(line.split(" ")));
        }
      }
      return all;
    } catch (IOException e) {
      throw new IllegalStateException("the program was built without engine/allowed.txt", e);
    }
  }

  /**
   * Writes the engine's configuration: one user, who can read and write only in the data folder.
   *
   * @param files null, or the folder that is allowed; the grant is for all files, and {@link
   *     SqlGuard} restricts statements to that folder
   * @return the file for the engine's --config-file
   */
  static Path config(Path data, Path files) throws IOException {
    StringBuilder grants =
        new StringBuilder(
            grant(
                "CHECK, SHOW, SELECT, INSERT, ALTER, CREATE, DROP, UNDROP TABLE, TRUNCATE,"
                    + " OPTIMIZE, KILL QUERY, MOVE PARTITION BETWEEN SHARDS, dictGet ON *.*"));
    grants.append(
        grant(
            "SYSTEM FLUSH LOGS, SYSTEM RELOAD DICTIONARY, SYSTEM DROP CACHE, SYSTEM MERGES, SYSTEM"
                + " TTL MERGES, SYSTEM MOVES, SYSTEM VIEWS, SYSTEM CLEANUP, SYSTEM SYNC FILE CACHE"
                + " ON *.*"));
    Set<String> engines = new HashSet<>(ALLOWED.get("table engines"));
    engines.addAll(ALLOWED.get("database engines"));
    if (files != null) {
      grants.append(grant("READ, WRITE ON FILE"));
    }
    engines.forEach(engine -> grants.append(grant("TABLE ENGINE ON " + Quotes.name(engine))));
    Path users = data.resolve("engine.users.xml");
    write(
        users,
        "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default>"
            + "<password></password><networks><ip>::/0</ip></networks><profile>default</profile>"
            + "<quota>default</quota><grants>"
            + grants
            + "</grants></default></users></clickhouse>\n");
    Path config = data.resolve("engine.xml");
    write(
        config,
        "<clickhouse><users_config>"
            + users.toString().replace("&", "&amp;").replace("<", "&lt;")
            + "</users_config></clickhouse>\n");
    return config;
  }

  private static String grant(String what) {
    return "<query>GRANT " + what + "</query>";
  }

  private static void write(Path file, String text) throws IOException {
    Files.deleteIfExists(file);
    Files.createFile(file, EnginePassword.ownersOnly("rw-------"));
    Files.writeString(file, text);
  }
}
