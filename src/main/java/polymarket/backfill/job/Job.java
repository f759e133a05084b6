package polymarket.backfill.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.YamlFile;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.ledger.BatchWork;

/**
 * A job's definition, routes/jobs/NAME.job.yaml, which tells the engines what is special about the
 * job. Its requests are in routes/jobs/NAME.camel.yaml, and its SQL in the file of the same name.
 * The {@link JobField} of each field explains it; each getter returns one of them.
 */
public final class Job {

  /** An allowed value that stands for whole numbers. */
  private static final Pattern AT_LEAST = Pattern.compile("(\\d+)\\.\\.");

  private static final String SUFFIX = ".job.yaml";
  private static final String ROUTES = ".camel.yaml";

  private final String name;

  @JobField(
      title = "What the job does, in a few words",
      example = "order books of markets, from the example API",
      required = true)
  private String title = "";

  @JobField(
      title =
          "The source of its data: the id of a route in routes/sources, which defines the pace."
              + " Jobs with the same source share it",
      example = "example-api",
      required = true)
  private String source = "";

  @JobField(
      title = "The setting with the URL of the source",
      example = "example-api.url",
      required = true)
  private String url = "";

  @JobField(
      title = "The kind of its ids",
      example = "condition-id",
      choices = {"condition-id", "wallet", "text", "range"})
  private String ids = "text";

  @JobField(
      title =
          "The field of a row that holds the id, or a list of fields of which a row has one. An"
              + " empty list if all rows belong to the only id of a batch",
      example = "[proxy_wallet, proxyWallet]")
  private List<String> idField = List.of("id");

  @JobField(
      title =
          "The fields that identify a row in its table, in the order of the keys of "
              + "@present. An entry may be a list of fields of which a row has one. Without "
              + "it, the id identifies a row",
      example = "[kind, [condition_id, token_id], transaction_hash]")
  private List<List<String>> keyFields = List.of();

  @JobField(title = "The most ids that the source accepts in one request", example = "1000")
  private int maxBatchSize = Integer.MAX_VALUE;

  @JobField(
      title = "Row counts at which the source may have truncated an answer silently",
      example = "[100, 1000]")
  private List<Integer> pageSizes = List.of();

  @JobField(
      title =
          "The number of rows of each page except the last. A shorter page is requested until it"
              + " has had the same number of rows three times; 0 if pages differ in length",
      example = "1000")
  private int pageSize = 0;

  @JobField(
      title = "How many successive pages may repeat earlier ones before that is an error",
      example = "20")
  private int repeatedPages = 0;

  @JobField(
      title =
          "Whether the table is searched for the rows of each page before they are stored, because"
              + " pages repeat rows",
      example = "true")
  private boolean lookFirst = false;

  @JobField(
      title =
          "Whether the rows of several pages are stored with one insert, with more pages each time",
      example = "true")
  private boolean pagesTogether = false;

  @JobField(
      title =
          "Whether the source takes one id per request. The route NAME-ask is then called for each"
              + " id of a batch, many at once: ids without an answer are requested again, the"
              + " others are stored",
      example = "true")
  private boolean oneIdARequest = false;

  @JobField(
      title =
          "The most ids of a batch that go into one request. The route NAME-ask is then called for"
              + " each such part of a batch, many at once, and one insert stores the rows of all; 0"
              + " if a batch is one request",
      example = "20")
  private int idsARequest = 0;

  @JobField(
      title = "Whether a run after a complete one fetches everything again and replaces it",
      example = "true")
  private boolean pass = false;

  @JobField(
      title =
          "Whether --since and --until limit its rows. If false, they limit the ids, in the query"
              + " @ids",
      example = "true")
  private boolean window = false;

  @JobField(
      title =
          "The jobs that run under the name of this one, by the value of the setting "
              + "NAME.source that chooses each. With auto, all run",
      example = "{subgraph: old-books, api: books}")
  private Map<String, String> parts = Map.of();

  @JobField(
      title =
          "The job that fills the same table from another source. It has the ids first that both"
              + " ask for; they run side by side",
      example = "other-job")
  private String after = "";

  @JobField(
      title =
          "Another job with the same kind of ids: this job also requests the ids that the other"
              + " one's source had no answer for",
      example = "other-job")
  private String leftBy = "";

  @JobField(
      title =
          "Settings that its routes read, each with its allowed values; 0.. for whole numbers of at"
              + " least 0",
      example = "{example-api.paging: [cursor, offset]}")
  private Map<String, List<String>> allowed = Map.of();

  @JobField(
      title = "Settings that its source requires, such as those of an account",
      example = "[example-api.account, example-api.key]")
  private List<String> needs = List.of();

  @JobField(
      title = "Where to get these, and what to do without them",
      example = "create them in your account")
  private String needsNote = "";

  @JobField(
      title =
          "Whether the route NAME-reach says, as identity, what the numbers are of: progress then "
              + "holds for every source that says the same",
      example = "true")
  private boolean identified = false;

  @JobField(title = "The unit of the numbers, if ids are ranges", example = "blocks")
  private String unit = "numbers";

  @JobField(
      title =
          "Further sources that answer the same, each with the setting without which it is not "
              + "asked (the first of several that is set), which may hold several URLs. Where the "
              + "setting NAME.sources is auto, "
              + "those that are set are asked, and the source above where none is",
      example = "{example-mirror: example-mirror.urls example-mirror.url}")
  private Map<String, String> others = Map.of();

  @JobField(
      title =
          "What a range is asked for, each done on its own: a person chooses with --datasets, and "
              + "a range that is done for one is not done for another",
      example = "[books, trades]")
  private List<String> datasets = List.of();

  @JobField(
      title =
          "Whether an answer is stored as the bytes that came: the route NAME-ask gives the page, "
              + "and the SQL file counts what the tables hold of it",
      example = "true")
  private boolean asCame = false;

  @JobField(
      title =
          "The desired number of rows per batch, if ids are ranges: it determines the width of the"
              + " ranges",
      example = "3000")
  private int goalRows = 5_000;

  @JobField(
      title = "A note on the source for users, printed if ids are absent from it",
      example = "The example API has no markets older than a year.")
  private String sourceNote = "";

  @JobField(
      title =
          "Files in which scripts leave ids of this job: a run without --ids names those that are"
              + " there",
      example = "[reports/condition_ids_missing_api.txt]")
  private List<String> lists = List.of();

  @JobField(
      title =
          "An id that the source knows, which `doctor` asks for. Without it, the first of the ids "
              + "that the job's SQL lists",
      example = "0xdd22472e552920b8438158ea7238bfadfa4f736aa4cee91a6b86c39ead110917")
  private String probe = "";

  @JobField(
      title = "Other names of this job, which commands take in place of its own",
      example = "[books]")
  private List<String> otherNames = List.of();

  private Job(String name) {
    this.name = name;
  }

  /**
   * @param home the project's folder
   * @param name its name, or another one that its definition lists
   * @throws UserError if the job does not exist, or its definition has a mistake
   */
  public static Job read(Path home, String name) {
    List<String> names = names(home);
    String own = ownName(home, name);
    if (!names.contains(own)) {
      throw new UserError(
          "no job '"
              + name
              + "'."
              + Nearest.hint(name, names)
              + " The jobs are: "
              + String.join(", ", names));
    }
    return named(home, own);
  }

  private static Job named(Path home, String name) {
    return JobFile.read(home, folder(home).resolve(name + SUFFIX), new Job(name));
  }

  /** The name of the job that lists a name among its other ones; otherwise the name itself. */
  public static String ownName(Path home, String name) {
    List<String> names = names(home);
    return names.contains(name)
        ? name
        : names.stream()
            .filter(job -> named(home, job).otherNames.contains(name))
            .findFirst()
            .orElse(name);
  }

  /** The definition with all defaults. */
  static Job withDefaults() {
    return new Job("");
  }

  /** The names of all jobs: one for each definition in routes/jobs. */
  public static List<String> names(Path home) {
    try (Stream<Path> files = Files.list(folder(home))) {
      return files
          .filter(YamlFile::isEdited)
          .map(file -> file.getFileName().toString())
          .filter(file -> file.endsWith(SUFFIX))
          .map(file -> file.substring(0, file.length() - SUFFIX.length()))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UserError(
          "cannot read the folder "
              + folder(home)
              + ": "
              + UserError.reason(e)
              + "; run the program from its project, or set BACKFILL_HOME");
    }
  }

  private static Path folder(Path home) {
    return home.resolve("routes").resolve("jobs");
  }

  public String getName() {
    return name;
  }

  public String getTitle() {
    return title;
  }

  public String getSource() {
    return source;
  }

  public String getUrl() {
    return url;
  }

  public String getIds() {
    return ids;
  }

  public List<String> getIdField() {
    return idField;
  }

  public List<List<String>> getKeyFields() {
    return keyFields;
  }

  public int getMaxBatchSize() {
    return maxBatchSize;
  }

  public List<Integer> getPageSizes() {
    return pageSizes;
  }

  public int getPageSize() {
    return pageSize;
  }

  public int getRepeatedPages() {
    return repeatedPages;
  }

  public boolean isLookFirst() {
    return lookFirst;
  }

  public boolean isPagesTogether() {
    return pagesTogether;
  }

  /** The most ids that go into one request. */
  public int getIdsARequest() {
    return oneIdARequest ? 1 : idsARequest == 0 ? Integer.MAX_VALUE : idsARequest;
  }

  /** Whether a batch is asked for with several requests, side by side. */
  public boolean isAskedInParts(BatchWork batch) {
    return batch.getSize() > getIdsARequest();
  }

  public boolean isPass() {
    return pass;
  }

  public boolean isWindow() {
    return window;
  }

  public Map<String, String> getParts() {
    return parts;
  }

  public String getAfter() {
    return after;
  }

  public String getLeftBy() {
    return leftBy;
  }

  public Map<String, List<String>> getAllowed() {
    return allowed;
  }

  public boolean isIdentified() {
    return identified;
  }

  public String getUnit() {
    return unit;
  }

  /**
   * The sources that are asked, each with what its setting says.
   *
   * @throws UserError where the setting NAME.sources names one that is not there, or that is not
   *     set
   */
  public Map<String, String> sources(Settings settings) {
    Map<String, String> all = new LinkedHashMap<>();
    all.put(source, settings.text(url));
    if (others.isEmpty()) {
      return all;
    }
    others.forEach(
        (other, keys) ->
            all.put(
                other,
                Arrays.stream(keys.split(" "))
                    .map(settings::text)
                    .filter(text -> !text.isBlank())
                    .findFirst()
                    .orElse("")));
    String key = name + ".sources";
    String chosen = settings.text(key).strip();
    if (chosen.equals("auto")) {
      Map<String, String> set = new LinkedHashMap<>(all);
      set.keySet().retainAll(others.keySet());
      set.values().removeIf(String::isEmpty);
      all.keySet().retainAll(Set.of(source));
      return set.isEmpty() ? all : set;
    }
    List<String> names = List.of(chosen.split("[\\s,]+"));
    for (String one : names) {
      if (!all.containsKey(one)) {
        throw new UserError(
            "setting "
                + key
                + " is '"
                + chosen
                + "'; it takes auto, or some of "
                + String.join(", ", all.keySet()));
      }
      if (all.get(one).isEmpty()) {
        throw new UserError(
            name
                + " asks "
                + one
                + " (setting "
                + key
                + "): set "
                + Settings.variable(others.get(one).split(" ")[0])
                + " in the environment");
      }
    }
    all.keySet().retainAll(names);
    return all;
  }

  /** The further sources, each with the settings of which one has to be set. */
  public Map<String, String> getOthers() {
    return others;
  }

  /** The source whose pace and failures are reported: of several, the first one in use. */
  public String firstSource(Settings settings) {
    return sources(settings).keySet().iterator().next();
  }

  public List<String> getDatasets() {
    return datasets;
  }

  public boolean isAsCame() {
    return asCame;
  }

  public int getGoalRows() {
    return goalRows;
  }

  public String getSourceNote() {
    return sourceNote;
  }

  /** Files in which scripts leave ids, relative to the folder where a person types. */
  public List<String> getLists() {
    return lists;
  }

  public String getProbe() {
    return probe;
  }

  public boolean isOneIdARequest() {
    return oneIdARequest;
  }

  public IdKind idKind() {
    return IdKind.of(ids, "routes/jobs/" + name + SUFFIX);
  }

  /** Whether a batch can be split: it has several ids, or one that can be split. */
  public boolean isDivisible(BatchWork batch) {
    return batch.getSize() > 1
        || batch.getSize() == 1 && !idKind().parts(batch.getIds().get(0)).isEmpty();
  }

  /** Whether an answer with this many rows may have been truncated. */
  public boolean isPageSize(int rows) {
    return pageSizes.contains(rows);
  }

  /**
   * The jobs that run under the name of this one.
   *
   * @param choice the value of the setting NAME.source
   * @throws UserError if no job matches it
   */
  public List<Job> parts(Path home, String choice) {
    if (parts.isEmpty()) {
      return List.of(this);
    }
    if (!choice.equals("auto") && !parts.containsKey(choice)) {
      throw new UserError(
          "setting "
              + name
              + ".source is '"
              + choice
              + "'; it takes auto, "
              + String.join(" or ", parts.keySet()));
    }
    return parts.entrySet().stream()
        .filter(part -> choice.equals("auto") || choice.equals(part.getKey()))
        .map(part -> part.getValue().equals(name) ? this : read(home, part.getValue()))
        .toList();
  }

  /**
   * @throws UserError if a setting that its routes read has a value that is not allowed, or one
   *     that its source requires is missing
   */
  public void check(Settings settings) {
    checkValues(settings);
    List<String> missing =
        needs.stream().filter(key -> settings.text(key).isEmpty()).map(Settings::variable).toList();
    if (!missing.isEmpty()) {
      throw new UserError(
          name
              + " needs "
              + String.join(", ", missing)
              + " in the environment"
              + (needsNote.isEmpty() ? "" : ": " + needsNote));
    }
  }

  /**
   * @throws UserError if a setting that its routes read has a value that is not allowed
   */
  public void checkValues(Settings settings) {
    Set<String> used = sources(settings).keySet();
    others.forEach(
        (other, keys) ->
            Arrays.stream(keys.split(" "))
                .filter(key -> used.contains(other) && key.matches(".*\\.urls?"))
                .filter(key -> !settings.text(key).isBlank())
                .forEach(settings::urls));
    allowed.forEach(
        (key, choices) -> {
          String takes = String.join(" or ", choices);
          Matcher least = AT_LEAST.matcher(takes);
          if (least.matches()) {
            settings.number(key, Integer.parseInt(least.group(1)));
          } else if (!choices.contains(settings.text(key))) {
            throw new UserError(
                "setting " + key + " is '" + settings.text(key) + "'; it takes " + takes);
          }
        });
  }

  public SqlFile sql() {
    return SqlFile.read(name);
  }

  /**
   * The files of the route folder that a run of these jobs loads: all except the files of other
   * jobs.
   */
  public static List<String> routeFiles(Path home, List<String> jobs) {
    List<String> files = new ArrayList<>();
    List<String> all = names(home);
    Path routes = home.resolve("routes");
    try (Stream<Path> found = Files.walk(routes)) {
      found
          .filter(file -> YamlFile.isEdited(routes.relativize(file)))
          .filter(file -> file.toString().endsWith(ROUTES))
          .sorted()
          .forEach(
              file -> {
                String name = file.getFileName().toString().replace(ROUTES, "");
                if (!file.getParent().equals(folder(home))
                    || jobs.contains(name)
                    || !all.contains(name)) {
                  files.add(file.toUri().toString());
                }
              });
    } catch (IOException e) {
      throw new UserError("cannot read " + routes + ": " + e.getMessage());
    }
    return files;
  }
}
