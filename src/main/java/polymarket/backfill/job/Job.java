package polymarket.backfill.job;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.SqlFile;
import polymarket.backfill.ledger.Batch;

/**
 * What the engines have to know of a job: the bean at the top of its route file,
 * routes/jobs/NAME.camel.yaml. Its SQL is in the file of the same name.
 */
public class Job {

  private static final String SUFFIX = ".camel.yaml";

  private String name;
  private String title = "";
  private String source;
  private String url;
  private String ids = "text";
  private String idField = "id";
  private String keyFields = "";
  private boolean lookFirst;
  private int pageSize;
  private int repeatedPages;
  private boolean pass;
  private boolean window;
  private String parts = "";
  private String after = "";
  private boolean gather;
  private String allowed = "";
  private int maxBatchSize = Integer.MAX_VALUE;
  private String pageSizes = "";
  private String sourceNote = "";
  private String unit = "numbers";
  private String leftBy = "";
  private String needs = "";
  private String needsNote = "";
  private boolean interchangeable;
  private long goalRows = 5_000;

  /**
   * @param home the project's folder
   * @throws UserError where there is no such job
   */
  public static Job read(Path home, String name) {
    List<String> names = names(home);
    if (!names.contains(name)) {
      throw new UserError(
          "no job '"
              + name
              + "'."
              + Nearest.hint(name, names)
              + " The jobs are: "
              + String.join(", ", names));
    }
    Path file = folder(home).resolve(name + SUFFIX);
    try {
      Object yaml =
          new Load(LoadSettings.builder().setLabel(file.toString()).build())
              .loadFromString(Files.readString(file));
      for (Object part : yaml instanceof List<?> list ? list : List.of()) {
        if (part instanceof Map<?, ?> map && map.get("beans") instanceof List<?> beans) {
          for (Object bean : beans) {
            if (bean instanceof Map<?, ?> definition && name.equals(definition.get("name"))) {
              Job job = new ObjectMapper().convertValue(definition.get("properties"), Job.class);
              job.setName(name);
              return job;
            }
          }
        }
      }
    } catch (IOException | YamlEngineException | IllegalArgumentException e) {
      throw new UserError(
          file + ": " + e.getMessage().lines().findFirst().orElse("cannot be read"));
    }
    throw new UserError(
        file + ": there is no bean '" + name + "' of type " + Job.class.getName() + " in it");
  }

  /** The jobs that there are: one for each file in routes/jobs that has an SQL file too. */
  public static List<String> names(Path home) {
    try (Stream<Path> files = Files.list(folder(home))) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(file -> file.endsWith(SUFFIX))
          .map(file -> file.substring(0, file.length() - SUFFIX.length()))
          .filter(SqlFile::exists)
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UserError(
          "no folder " + folder(home) + "; run the program from its project, or set BACKFILL_HOME");
    }
  }

  private static Path folder(Path home) {
    return home.resolve("routes").resolve("jobs");
  }

  public String getName() {
    return name;
  }

  public void setName(String name) {
    this.name = name;
  }

  /** What it does, in a few words. */
  public String getTitle() {
    return title;
  }

  public void setTitle(String title) {
    this.title = title;
  }

  /** The id of the source's route, which holds the pace; jobs with the same source share it. */
  public String getSource() {
    return source;
  }

  public void setSource(String source) {
    this.source = source;
  }

  /** The setting with the source's URL. */
  public String getUrl() {
    return url;
  }

  public void setUrl(String url) {
    this.url = url;
  }

  /** The kind of its ids: condition-id, wallet or text. */
  public String getIds() {
    return ids;
  }

  public void setIds(String ids) {
    this.ids = ids;
  }

  public IdKind idKind() {
    return IdKind.of(ids, "routes/jobs/" + name + SUFFIX);
  }

  /**
   * Whether a batch can be asked for in smaller pieces: it has several ids, or one that has parts.
   */
  boolean isDivisible(Batch batch) {
    return batch.getSize() > 1
        || batch.getSize() == 1 && !idKind().parts(batch.getIds().get(0)).isEmpty();
  }

  /**
   * The field of an answer's rows that holds the id, or several with bars between them of which a
   * row has one; empty where all rows belong to the batch's one id.
   */
  public String getIdField() {
    return idField;
  }

  public void setIdField(String idField) {
    this.idField = idField;
  }

  /**
   * The fields, separated by commas and each like {@link #getIdField()}, that name a row in its
   * table; empty where the id alone does.
   */
  public String getKeyFields() {
    return keyFields;
  }

  public void setKeyFields(String keyFields) {
    this.keyFields = keyFields;
  }

  /**
   * Whether the table is asked for a page's rows before they are stored, because pages repeat rows.
   */
  public boolean isLookFirst() {
    return lookFirst;
  }

  public void setLookFirst(boolean lookFirst) {
    this.lookFirst = lookFirst;
  }

  /**
   * The rows of a page that is not the last; a shorter one is asked for twice more. 0 where pages
   * differ.
   */
  public int getPageSize() {
    return pageSize;
  }

  public void setPageSize(int pageSize) {
    this.pageSize = pageSize;
  }

  /** How many pages in a row may bring again what an earlier one brought, before it is an error. */
  public int getRepeatedPages() {
    return repeatedPages;
  }

  public void setRepeatedPages(int repeatedPages) {
    this.repeatedPages = repeatedPages;
  }

  /** Whether a run after a finished one asks for everything again and replaces it. */
  public boolean isPass() {
    return pass;
  }

  public void setPass(boolean pass) {
    this.pass = pass;
  }

  /** Whether --since and --until confine its rows; where not, they are its ids' query's. */
  public boolean isWindow() {
    return window;
  }

  public void setWindow(boolean window) {
    this.window = window;
  }

  /**
   * The jobs that run under this one's name, each behind the value of the setting NAME.source that
   * chooses it, such as {@code goldsky=fills, data-api=trades}; with {@code auto}, all run, and
   * their SQL says which ids are whose. Empty where this job runs alone.
   */
  public String getParts() {
    return parts;
  }

  public void setParts(String parts) {
    this.parts = parts;
  }

  /**
   * The job that has to end first, where both are part of a run, because they fill one table and
   * each looks whether the other has brought a row; empty where there is none such.
   */
  public String getAfter() {
    return after;
  }

  public void setAfter(String after) {
    this.after = after;
  }

  /**
   * The jobs that run when this one is asked for.
   *
   * @param source as NAME.source has it
   * @throws UserError where no job goes by it
   */
  public List<Job> parts(Path home, String source) {
    if (parts.isEmpty()) {
      return List.of(this);
    }
    Map<String, String> bySource = new LinkedHashMap<>();
    for (String part : parts.split(",")) {
      bySource.put(
          part.substring(0, part.indexOf('=')).strip(),
          part.substring(part.indexOf('=') + 1).strip());
    }
    if (!source.equals("auto") && !bySource.containsKey(source)) {
      throw new UserError(
          "setting "
              + name
              + ".source is '"
              + source
              + "'; it takes auto, "
              + String.join(" or ", bySource.keySet()));
    }
    return bySource.entrySet().stream()
        .filter(part -> source.equals("auto") || source.equals(part.getKey()))
        .map(part -> part.getValue().equals(name) ? this : read(home, part.getValue()))
        .toList();
  }

  /**
   * Whether the source is asked for one id a call, and the rows of a batch's ids are gathered and
   * stored together.
   */
  public boolean isGather() {
    return gather;
  }

  public void setGather(boolean gather) {
    this.gather = gather;
  }

  /**
   * The values that settings may have which its routes read, such as {@code wallets.closed: false,
   * true; x.version: v1, v2}.
   */
  public String getAllowed() {
    return allowed;
  }

  public void setAllowed(String allowed) {
    this.allowed = allowed;
  }

  /**
   * @throws UserError where a setting that its routes read has a value that they do not know
   */
  void check(Settings settings) {
    Arrays.stream(allowed.split(";"))
        .filter(part -> !part.isBlank())
        .forEach(
            part -> {
              String key = part.substring(0, part.indexOf(':')).strip();
              List<String> choices =
                  Arrays.stream(part.substring(part.indexOf(':') + 1).split(","))
                      .map(String::strip)
                      .toList();
              if (!choices.contains(settings.text(key))) {
                throw new UserError(
                    "setting "
                        + key
                        + " is '"
                        + settings.text(key)
                        + "'; it takes "
                        + String.join(" or ", choices));
              }
            });
    List<String> missing =
        Arrays.stream(needs.split(","))
            .map(String::strip)
            .filter(key -> !key.isEmpty() && settings.text(key).isEmpty())
            .map(Settings::variable)
            .toList();
    if (!missing.isEmpty()) {
      throw new UserError(
          name
              + " needs "
              + String.join(", ", missing)
              + " in the environment"
              + (needsNote.isEmpty() ? "" : ": " + needsNote));
    }
  }

  /** The most ids that the source takes in one request. */
  public int getMaxBatchSize() {
    return maxBatchSize;
  }

  public void setMaxBatchSize(int maxBatchSize) {
    this.maxBatchSize = maxBatchSize;
  }

  /** Row counts at which the source may have cut an answer, separated by commas. */
  public String getPageSizes() {
    return pageSizes;
  }

  public void setPageSizes(String pageSizes) {
    this.pageSizes = pageSizes;
  }

  /** Whether so many rows may be a cut answer. */
  public boolean isPageSize(long rows) {
    return Arrays.stream(pageSizes.split(","))
        .map(String::strip)
        .filter(size -> !size.isEmpty())
        .anyMatch(size -> Long.parseLong(size) == rows);
  }

  /** What a person should know of the source where ids are absent from it. */
  public String getSourceNote() {
    return sourceNote;
  }

  public void setSourceNote(String sourceNote) {
    this.sourceNote = sourceNote;
  }

  /** What the numbers are, where ids are ranges of them: such as blocks. */
  public String getUnit() {
    return unit;
  }

  public void setUnit(String unit) {
    this.unit = unit;
  }

  /** Rows a batch that are aimed at, where ids are ranges that can be wider or less wide. */
  public long getGoalRows() {
    return goalRows;
  }

  public void setGoalRows(long goalRows) {
    this.goalRows = goalRows;
  }

  /**
   * Another job with the same kind of ids: what its source had no answer for is asked for here as
   * well; empty for none.
   */
  public String getLeftBy() {
    return leftBy;
  }

  public void setLeftBy(String leftBy) {
    this.leftBy = leftBy;
  }

  /**
   * Settings, separated by commas, without which its source does not answer: those of an account.
   */
  public String getNeeds() {
    return needs;
  }

  public void setNeeds(String needs) {
    this.needs = needs;
  }

  /** Where a person gets these, and what to do without them. */
  public String getNeedsNote() {
    return needsNote;
  }

  public void setNeedsNote(String needsNote) {
    this.needsNote = needsNote;
  }

  /**
   * Whether any URL of the source answers the same, as all nodes of one chain do: what is done with
   * one is done with each.
   */
  public boolean isInterchangeable() {
    return interchangeable;
  }

  public void setInterchangeable(boolean interchangeable) {
    this.interchangeable = interchangeable;
  }

  public SqlFile sql() {
    return SqlFile.read(name);
  }

  /**
   * The files of the route folder that a run of these jobs loads: everything but the other jobs'
   * files.
   */
  static List<String> routeFiles(Path home, List<String> jobs) {
    List<String> files = new ArrayList<>();
    Path routes = home.resolve("routes");
    try (Stream<Path> all = Files.walk(routes)) {
      all.filter(file -> file.toString().endsWith(SUFFIX))
          .sorted()
          .forEach(
              file -> {
                String name = file.getFileName().toString().replace(SUFFIX, "");
                if (!file.getParent().equals(folder(home))
                    || jobs.contains(name)
                    || !SqlFile.exists(name)) {
                  files.add(file.toUri().toString());
                }
              });
    } catch (IOException e) {
      throw new UserError("cannot read " + routes + ": " + e.getMessage());
    }
    return files;
  }
}
